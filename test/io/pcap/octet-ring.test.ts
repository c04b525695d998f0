import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { OctetRing } from '../../../src/io/pcap/octet-ring.js';

const SIZE = 32 << 20;

/** What is taken next. */
function take(ring: OctetRing, most = 1 << 20): Uint8Array {
  let taken: Uint8Array | undefined;
  ring.take(new Uint8Array(most), (octets) => {
    taken = octets.slice();
  });
  return taken!;
}

test('what is put in comes out in order, over the end of the memory and past 2^32 octets', () => {
  const ring = new OctetRing();
  const control = new Int32Array(ring.memory, 0, 2);
  // As after 4 GiB less 3 octets.
  control.fill(-3);
  assert.ok(ring.put(Uint8Array.of(1, 2), Uint8Array.of(3, 4, 5)));
  assert.deepEqual([...take(ring)], [1, 2, 3]);
  assert.ok(ring.put(Uint8Array.of(6)));
  assert.deepEqual([...take(ring, 2)], [4, 5]);
  assert.deepEqual([...take(ring, 2)], [6]);
  ring.waitUntilEmpty();
});

test('a full ring takes nothing, not even a part, until there is room', () => {
  const ring = new OctetRing();
  assert.ok(ring.put(new Uint8Array(SIZE - 1)));
  assert.equal(ring.put(Uint8Array.of(1), Uint8Array.of(2)), false);
  assert.ok(ring.put(Uint8Array.of(9)));
  assert.equal(ring.put(Uint8Array.of(1)), false);
  ring.take(new Uint8Array(2), () => assert.equal(ring.put(Uint8Array.of(1)), false));
  assert.ok(ring.put(Uint8Array.of(1), Uint8Array.of(2)));
});

test('two threads: nothing is lost or changed, and the end waits for the last octet', async () => {
  const ring = new OctetRing();
  const script = `
    const { workerData, parentPort } = require('node:worker_threads');
    import(${JSON.stringify(new URL('../../../src/io/pcap/octet-ring.js', import.meta.url).href)}).then(({ OctetRing }) => {
      const ring = new OctetRing(workerData);
      const buffer = new Uint8Array(1000);
      let next = 0, isOver = false;
      while (!isOver)
        ring.take(buffer, (octets) => {
          for (const octet of octets) {
            if (octet !== next % 251) throw new Error(next + ' is ' + octet);
            next++;
          }
          isOver = next === 5_000_000;
        });
      parentPort.postMessage(next);
    });`;
  const worker = new Worker(script, { eval: true, workerData: ring.memory });
  const counted = new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
  const all = Uint8Array.from({ length: 5_000_000 }, (_, index) => index % 251);
  for (let at = 0, size = 1; at < all.length; at += size, size = (size % 1499) + 1)
    assert.ok(ring.put(all.subarray(at, at + size)));
  ring.waitUntilEmpty();
  assert.equal(await counted, all.length);
});
