// Vectors cut from the recordings of the authors' kernels: recorded.json. What they hold was read by the independent
// program that wrote the expected files; nothing is judged here.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../lib/run.mjs';

const PER_RECORDING = 14;
const ETHERNET_HEADER = 14;
const LONGEST = 240;

/** recorded.json */
export function recorded() {
  const folder = join(ROOT, 'fixtures/pcaps');
  const vectors = [];
  const names = readdirSync(folder).filter((name) => /^[^.]+\.pcap$/.test(name));
  for (const name of names.sort()) {
    const base = name.replace('.pcap', '');
    const expected = readFileSync(join(folder, `${base}.expected.ndjson`), 'utf8')
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line));
    const frames = framesOf(readFileSync(join(folder, name)));
    for (const line of chosen(expected)) {
      const frame = frames[line['frame.number'] - 1].subarray(ETHERNET_HEADER);
      const total = frame.readUInt16BE(2);
      const block = frame.subarray(total - 25, total);
      const where = `${base} frame ${line['frame.number']}`;
      const flags = [base.includes('2017') ? 'Linux2017' : 'Linux2015'];
      const fields = fieldsOf(line, block);
      const id = `${base}-${line['frame.number']}`;
      vectors.push({
        id: `block-${id}`,
        kind: 'block',
        layout: 'compact',
        flags,
        notes: `cut from ${where}`,
        hex: block.toString('hex'),
        result: 'valid',
        fields,
      });
      if (total <= LONGEST)
        vectors.push({
          id: `datagram-${id}`,
          kind: 'datagram',
          flags,
          notes: where,
          hex: frame.toString('hex'),
          result: 'valid',
          layout: 'compact',
          ambiguous: false,
          trailerOffset: total - 26,
          filler: line['mpip.filler'],
          fields,
        });
    }
  }
  return {
    title: "Blocks and datagrams of the authors' kernels, with what an independent program read in them",
    flags: { Linux2015: 'sent by the kernel of 2015', Linux2017: 'sent by the kernel of 2017' },
    vectors,
  };
}

/** Some lines of an expected file: the first of each CM flag and session, then evenly spread. */
function chosen(lines) {
  const seen = new Set();
  const first = lines.filter((line) => {
    const key = `${line['mpip.flags']} ${line['mpip.session_id']} ${line['mpip.node_id']}`;
    return !seen.has(key) && seen.add(key);
  });
  const step = Math.max(1, Math.floor(lines.length / PER_RECORDING));
  const spread = lines.filter((_, i) => i % step === step - 1);
  const picked = new Set([...first, ...spread].slice(0, PER_RECORDING));
  return lines.filter((line) => picked.has(line));
}

/** The field values of an expected line. The empty address slots that it leaves out are filled from the octets. */
function fieldsOf(line, block) {
  const slots = [14, 18].map((at) => [...block.subarray(at, at + 4)].join('.'));
  const listed = slots.filter((slot) => slot !== '0.0.0.0');
  if (listed.join() !== line['mpip.local_addr'].join())
    throw new Error(`Addresses differ in frame ${line['frame.number']}.`);
  return {
    length: line['mpip.length'],
    nodeId: line['mpip.node_id'],
    sessionId: line['mpip.session_id'],
    pathId: line['mpip.path_id'],
    feedbackPathId: line['mpip.feedback_path_id'],
    timestamp: line['mpip.timestamp'],
    pathDelay: line['mpip.path_delay'],
    localAddresses: slots,
    flags: line['mpip.flags'],
    checksum: line['mpip.checksum'],
  };
}

/** The frames of a classic little-endian capture. */
function framesOf(file) {
  const frames = [];
  for (let at = 24; at < file.length; ) {
    const length = file.readUInt32LE(at + 8);
    frames.push(file.subarray(at + 16, at + 16 + length));
    at += 16 + length;
  }
  return frames;
}
