/** A reporter for node's test runner that writes one line for each test that was skipped, with its reason. */
export default async function* skipped(source) {
  for await (const { type, data } of source) {
    if (type !== 'test:pass' && type !== 'test:fail') continue;
    if (data.skip === undefined) continue;
    yield `${data.file ?? ''} ${data.name}: ${data.skip === true ? 'no reason given' : data.skip}\n`;
  }
}
