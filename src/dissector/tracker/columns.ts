/** Records of a page: small enough that few records cost little, large enough that pages are few. */
const PAGE_BITS = 10;
const PAGE = 1 << PAGE_BITS;
const MASK = PAGE - 1;

/**
 * Records of numbers, kept as 32-bit integers, doubles or singles, in pages of typed arrays: a hundred thousand records cost what their
 * numbers cost, growing copies nothing, and nothing is allocated per packet.
 */
export class Columns {
  readonly #ints: Int32Array[] = [];
  readonly #doubles: Float64Array[] = [];
  readonly #singles: Float32Array[] = [];
  #count = 0;

  /** @param intWidth 32-bit fields of a record; @param doubleWidth fields that are doubles; @param singleWidth that are singles */
  constructor(
    private readonly intWidth: number,
    private readonly doubleWidth: number,
    private readonly singleWidth = 0,
  ) {}

  /** Number of records. */
  get count(): number {
    return this.#count;
  }

  /** Adds a record of zeros. @returns its index */
  add(): number {
    const index = this.#count++;
    if ((index & MASK) === 0) {
      this.#ints.push(new Int32Array(PAGE * this.intWidth));
      this.#doubles.push(new Float64Array(PAGE * this.doubleWidth));
      this.#singles.push(new Float32Array(PAGE * this.singleWidth));
    }
    return index;
  }

  /** An integer field, signed. */
  int(index: number, field: number): number {
    return this.#ints[index >>> PAGE_BITS]![(index & MASK) * this.intWidth + field]!;
  }

  setInt(index: number, field: number, value: number): void {
    this.#ints[index >>> PAGE_BITS]![(index & MASK) * this.intWidth + field] = value;
  }

  /** Adds to an integer field. */
  addInt(index: number, field: number, value: number): void {
    this.#ints[index >>> PAGE_BITS]![(index & MASK) * this.intWidth + field]! += value;
  }

  double(index: number, field: number): number {
    return this.#doubles[index >>> PAGE_BITS]![(index & MASK) * this.doubleWidth + field]!;
  }

  setDouble(index: number, field: number, value: number): void {
    this.#doubles[index >>> PAGE_BITS]![(index & MASK) * this.doubleWidth + field] = value;
  }

  /** Adds to a double field. */
  addDouble(index: number, field: number, value: number): void {
    this.#doubles[index >>> PAGE_BITS]![(index & MASK) * this.doubleWidth + field]! += value;
  }

  /** A field of 24 significant bits. */
  single(index: number, field: number): number {
    return this.#singles[index >>> PAGE_BITS]![(index & MASK) * this.singleWidth + field]!;
  }

  setSingle(index: number, field: number, value: number): void {
    this.#singles[index >>> PAGE_BITS]![(index & MASK) * this.singleWidth + field] = value;
  }

  /** Sets every field of a record to zero, so that it can be used anew. */
  clear(index: number): void {
    const at = index & MASK;
    this.#ints[index >>> PAGE_BITS]!.fill(0, at * this.intWidth, (at + 1) * this.intWidth);
    this.#doubles[index >>> PAGE_BITS]!.fill(0, at * this.doubleWidth, (at + 1) * this.doubleWidth);
    this.#singles[index >>> PAGE_BITS]!.fill(0, at * this.singleWidth, (at + 1) * this.singleWidth);
  }
}
