/** The wait before an attempt to connect again: 0.25 s, doubling with every failure in a row, at most 8 s. */
const FIRST_MS = 250;
const LONGEST_MS = 8000;

export function backOffMs(failures: number): number {
  return Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.max(0, failures - 1));
}
