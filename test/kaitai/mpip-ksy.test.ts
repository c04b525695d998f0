import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import vm from 'node:vm';
import { parse } from 'yaml';
import type { GeneralValues } from '../../src/codec/index.js';
import { bytesOf } from '../support/hex.js';
import { vectorFiles } from '../support/vectors.js';

const require = createRequire(`${process.cwd()}/package.json`);

/** A CM as the generated parser hands it out. */
interface ParsedCm {
  readonly length?: number;
  readonly nodeId: Uint8Array;
  readonly sessionId: number;
  readonly pathId: number;
  readonly feedbackPathId: number;
  readonly timestamp: number;
  readonly pathDelay: number;
  readonly localAddresses: readonly { readonly octets: Uint8Array }[];
  readonly addressCount?: number;
  readonly version?: number;
  readonly flags: number;
  readonly checksum: number;
  readonly isValid: boolean;
}

interface ParsedDatagram {
  readonly compact: ParsedCm | undefined;
  readonly full: ParsedCm | undefined;
}

interface Parser {
  new (stream: object): ParsedDatagram;
  readonly Compact: new (stream: object) => ParsedCm;
  readonly Full: new (stream: object) => ParsedCm;
}

interface Compiler {
  compile(language: string, description: unknown, importer: null, debug: boolean): Promise<Record<string, string>>;
}

const KaitaiStream = require('kaitai-struct/KaitaiStream') as new (buffer: ArrayBuffer) => object;

/** The description compiled to JavaScript by Kaitai's own compiler. */
async function compiled(): Promise<Parser> {
  const compiler = require('kaitai-struct-compiler') as Compiler;
  const files = await compiler.compile('javascript', parse(readFileSync('kaitai/mpip.ksy', 'utf8')), null, false);
  const module: { exports: { Mpip?: Parser } } = { exports: {} };
  const load = vm.runInThisContext(`(function (exports, module, require) {${files['Mpip.js']!}\n})`) as (
    exports: object,
    module: object,
    require: (name: string) => unknown,
  ) => void;
  load(module.exports, module, () => KaitaiStream);
  return module.exports.Mpip!;
}

const streamOf = (hex: string) => new KaitaiStream(Uint8Array.from(bytesOf(hex)).buffer);
const hexOf = (octets: Uint8Array) => Buffer.from(octets).toString('hex');

/** The values under the names of the vectors. */
function valuesOf(cm: ParsedCm): GeneralValues {
  const { length, addressCount, version } = cm;
  return {
    ...(length === undefined ? {} : { length }),
    nodeId: hexOf(cm.nodeId).replaceAll(/(..)(?=.)/g, '$1:'),
    sessionId: cm.sessionId,
    pathId: cm.pathId,
    feedbackPathId: cm.feedbackPathId,
    timestamp: cm.timestamp,
    pathDelay: cm.pathDelay,
    localAddresses: cm.localAddresses.map(({ octets }) => octets.join('.')),
    ...(addressCount === undefined ? {} : { addressCount }),
    ...(version === undefined ? {} : { version }),
    flags: cm.flags,
    checksum: cm.checksum,
  } as GeneralValues;
}

/** What `read` gives, or undefined where the octets are too few for the parser. */
function attempted<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if ((error as Error).name === 'EOFError' || /EOF|requested|negative/i.test((error as Error).message))
      return undefined;
    throw error;
  }
}

test('compiled by Kaitai, the description reads every vector as it says', async () => {
  const Mpip = await compiled();
  let valid = 0;
  for (const { vectors } of vectorFiles())
    for (const vector of vectors) {
      let cm: ParsedCm | undefined;
      if (vector.kind === 'block') {
        const size = vector.hex.length / 2;
        // With its filler in front, or with one octet too many: the description is of the CM alone.
        if (vector.layout === 'compact' && size !== 25) continue;
        const Layout = vector.layout === 'compact' ? Mpip.Compact : Mpip.Full;
        if (vector.layout === 'full' && (size - 25) % 4 !== 0) continue;
        cm = attempted(() => new Layout(streamOf(vector.hex)));
        if (cm !== undefined && !cm.isValid) cm = undefined;
      } else
        cm = attempted(() => {
          const datagram = new Mpip(streamOf(vector.hex));
          return [datagram.compact, datagram.full].find((one) => one?.isValid === true);
        });
      assert.equal(cm === undefined ? 'ordinary' : 'valid', vector.result, vector.id);
      if (cm === undefined || vector.result !== 'valid') continue;
      valid++;
      assert.deepEqual(valuesOf(cm), vector.fields, vector.id);
    }
  assert.ok(valid > 500, `${valid} valid vectors were read`);
});
