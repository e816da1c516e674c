/** A plot of a group: a bar a row, as long as its median, with its spread; drawn by hand, because that is all there is to it. */

const [WIDTH, LABELS, FIGURES, ROW, BAR, TOP] = [900, 330, 130, 26, 14, 44];

/** An SVG. Rows far slower than the others are cut, and say so by their figure. */
export function plot({ title }, results) {
  const rows = results.filter(({ absent }) => absent === undefined);
  const sorted = rows.map(({ high }) => high).sort((a, b) => a - b);
  // One row that takes fifty times as long would leave nothing to see of the others.
  const most = Math.min(sorted.at(-1), 3 * sorted[(sorted.length - 1) >> 1]);
  const x = (ms) => LABELS + (Math.min(ms, most) / most) * (WIDTH - LABELS - FIGURES);
  const bars = rows.map(({ name, beside, ms, low, high, ratio }, i) => {
    const y = TOP + i * ROW;
    const middle = y + BAR / 2;
    const colour = name === beside ? '#888' : name.startsWith('swamp') ? '#2a7' : '#59c';
    return [
      `<text x="${LABELS - 8}" y="${middle + 4}" text-anchor="end">${escaped(name)}</text>`,
      `<rect x="${LABELS}" y="${y}" width="${(x(ms) - LABELS).toFixed(1)}" height="${BAR}" fill="${colour}"/>`,
      `<path d="M${x(low).toFixed(1)} ${middle}H${x(high).toFixed(1)}" stroke="#222"/>`,
      `<text x="${(x(high) + 6).toFixed(1)}" y="${middle + 4}">${ms.toFixed(ms < 10 ? 2 : 0)} ms, ${ratio.toFixed(2)}x</text>`,
    ].join('');
  });
  const height = TOP + rows.length * ROW + 10;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="12">
<title>${escaped(title)}</title>
<rect width="${WIDTH}" height="${height}" fill="#fff"/>
<text x="10" y="20" font-size="14">${escaped(title)} (median; line: 10 to 90 %)</text>
${bars.join('\n')}
</svg>
`;
}

function escaped(text) {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
