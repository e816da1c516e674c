/** What a schedule was found to break. The message names the invariant (P1 to P10) where there is one. */
export class Violation extends Error {
  override readonly name = 'Violation';
}
