import type { TestCase } from '../case.js';

/** Every case, by area. */
export const CASES: readonly TestCase[] = [];
