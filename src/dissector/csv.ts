/** One CSV line (RFC 4180 quoting, no line end): arrays are comma-joined in one cell, what is absent is empty. */
export function csvLine(values: readonly unknown[]): string {
  return values.map((value) => csvCell(plain(value))).join(',');
}

/** A value as plain text: arrays comma-joined, what is absent empty. */
export function plain(value: unknown): string {
  if (value === undefined || value === null) return '';
  return Array.isArray(value) ? value.join(',') : String(value);
}

function csvCell(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
