import type { Paint } from './paint.js';

/** Rows under a header, columns as wide as they must be: numbers to the right, words to the left. */
export function table(header: readonly string[], rows: readonly (readonly string[])[], paint: Paint): string[] {
  // No spread: of a hundred thousand rows it is more than a call takes.
  const widths = header.map((title, column) =>
    rows.reduce((most, row) => Math.max(most, row[column]!.length), title.length),
  );
  const numeric = header.map((_, column) => rows.every((row) => /^\+?[\d,.]*( (%|µs|ms|s))?$|^-$/.test(row[column]!)));
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, column) => (numeric[column] ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!)))
      .join('  ')
      .trimEnd();
  return [paint.dim(line(header)), ...rows.map(line)];
}

/** A number with commas between thousands. */
export function count(value: number): string {
  return String(value).replaceAll(/\B(?=(\d{3})+$)/g, ',');
}
