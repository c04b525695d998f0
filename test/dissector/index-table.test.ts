import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { hashKey, IndexTable } from '../../src/dissector/tracker/index-table.js';

const part = fc.integer({ min: 0, max: 7 });
const action = fc.record({ isDeleted: fc.boolean(), key: fc.tuple(part, part, part) });

test('an index table finds what a map of the same keys finds, also after records went and it grew', () => {
  fc.assert(
    fc.property(fc.array(action, { maxLength: 1500, size: 'max' }), (actions) => {
      const records: [number, number, number][] = [];
      const table = new IndexTable(
        (index, a, b, c) => records[index]![0] === a && records[index]![1] === b && records[index]![2] === c,
        (index) => hashKey(...records[index]!),
      );
      const map = new Map<string, number>();
      for (const { isDeleted, key } of actions) {
        if (isDeleted) {
          table.delete(...key);
          map.delete(key.join());
        } else {
          table.set(...key, records.push(key) - 1);
          map.set(key.join(), records.length - 1);
        }
      }
      for (let i = 0; i < 512; i++) {
        const key: [number, number, number] = [i >> 6, (i >> 3) & 7, i & 7];
        assert.equal(table.get(...key), map.get(key.join()) ?? -1);
      }
    }),
    { numRuns: 50 },
  );
});
