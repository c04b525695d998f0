import { readdirSync, readFileSync } from 'node:fs';
import type { GeneralValues, LayoutName } from '../../src/codec/index.js';

/** What all vectors have. */
interface CommonVector {
  readonly id: string;
  readonly flags: readonly string[];
  readonly notes: string;
  readonly hex: string;
  readonly result: 'valid' | 'ordinary';
  readonly fields?: GeneralValues;
  readonly reason?: string;
}

/** One CM block, read as one layout. */
export interface BlockVector extends CommonVector {
  readonly kind: 'block';
  readonly layout: LayoutName;
}

/** A datagram, read by a receiver that accepts both layouts. */
export interface DatagramVector extends CommonVector {
  readonly kind: 'datagram';
  readonly layout?: LayoutName;
  readonly ambiguous?: boolean;
  readonly trailerOffset?: number;
  readonly filler?: number;
  readonly detached?: string;
  readonly compact?: string;
  readonly full?: string;
}

/** A file of vectors; see fixtures/vectors/schema.json. */
export interface VectorFile {
  readonly name: string;
  readonly count: number;
  readonly flags: Record<string, string>;
  readonly vectors: readonly (BlockVector | DatagramVector)[];
}

const FOLDER = 'fixtures/vectors';

/** Every file of vectors. */
export function vectorFiles(): VectorFile[] {
  return readdirSync(FOLDER)
    .filter((name) => name.endsWith('.json') && name !== 'schema.json')
    .sort()
    .map((name) => ({ ...(JSON.parse(readFileSync(`${FOLDER}/${name}`, 'utf8')) as Omit<VectorFile, 'name'>), name }));
}

/** The schema of the files. */
export function vectorSchema(): object {
  return JSON.parse(readFileSync(`${FOLDER}/schema.json`, 'utf8')) as object;
}
