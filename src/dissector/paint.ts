/** Colours a piece of text; `plainPaint` leaves it alone. */
export interface Paint {
  dim(text: string): string;
  bold(text: string): string;
  red(text: string): string;
  yellow(text: string): string;
  green(text: string): string;
  cyan(text: string): string;
  magenta(text: string): string;
  blue(text: string): string;
}

const same = (text: string): string => text;

/** No colours. */
export const plainPaint: Paint = {
  dim: same,
  bold: same,
  red: same,
  yellow: same,
  green: same,
  cyan: same,
  magenta: same,
  blue: same,
};
