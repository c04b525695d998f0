// npm run docs [-- --check]: writes the generated parts of docs/wire-format.md and docs/commands.md from the
// declarations in src/codec. With --check nothing is written: the command says which page is stale and exits 1.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { updateDocument } from './lib/generated.mjs';
import { ROOT } from './lib/run.mjs';

const check = process.argv.includes('--check');
const { CONSTANTS, formatConstant, FLAG_NAMES, isControlFlag, LAYOUTS, PROFILES } = await declarations();
const pages = {
  'docs/wire-format.md': {
    'layout compact': layoutTable(LAYOUTS.compact),
    'layout full': layoutTable(LAYOUTS.full),
    flags: flagTable(),
    profiles: profileTable(),
  },
  'docs/commands.md': { constants: constantTable() },
};
for (const [path, parts] of Object.entries(pages)) {
  const changed = updateDocument(path, parts, { check });
  if (check && changed) {
    console.error(`${path} is stale; run: npm run docs`);
    process.exitCode = 1;
  } else if (changed) console.log(`${path} written.`);
}

/** The declarations of src/codec, compiled on the fly. */
async function declarations() {
  const outfile = join(ROOT, 'node_modules', `.mpip-codec-${process.pid}.mjs`);
  const options = { bundle: true, format: 'esm', platform: 'node', external: ['binary-parser'], logLevel: 'warning' };
  await build({ absWorkingDir: ROOT, entryPoints: ['src/codec/index.ts'], outfile, ...options });
  try {
    return await import(pathToFileURL(outfile).href);
  } finally {
    rmSync(outfile, { force: true });
  }
}

function table(head, rows) {
  const line = (cells) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

/** Offsets count from the CM's first octet; behind a list whose length varies, from the CM's end. */
function layoutTable(layout) {
  const rows =
    layout.filler === 0
      ? []
      : [['-1', layout.filler, '`filler`', '', 'senders write 0; dropped unseen, not summed', '`mpip.filler`']];
  const back = layout.fields.slice(layout.fields.findIndex((field) => field.count === 'addressCount') + 1);
  let offset = 0;
  let isVariable = false;
  for (const field of layout.fields) {
    const behind = back.slice(back.indexOf(field)).reduce((sum, { size }) => sum + size, 0);
    const size =
      field.count === undefined ? field.size : field.count === 'addressCount' ? '4n' : field.size * field.count;
    const values =
      field.constant !== undefined
        ? `, always ${field.constant}`
        : field.max !== undefined
          ? `, 0 to ${field.max}`
          : '';
    const order = field.size > 1 && field.type !== 'id' && field.type !== 'ipv4-list' ? `, ${field.endian} endian` : '';
    rows.push([
      isVariable ? `end - ${behind}` : offset,
      size,
      `\`${field.name}\``,
      `${field.type}${order}${values}`,
      field.description,
      `\`${field.filter}\``,
    ]);
    if (field.count === 'addressCount') isVariable = true;
    else offset += Number(size);
  }
  return table(['offset', 'octets', 'field', 'encoding', 'meaning', 'Wireshark and NDJSON'], rows);
}

function flagTable() {
  const rows = FLAG_NAMES.map((name, value) => [
    value,
    `\`${name}\``,
    isControlFlag(value) ? 'never' : 'without its trailer',
  ]);
  return table(['value', 'name', 'passed up'], rows);
}

function profileTable() {
  const rows = Object.values(PROFILES).map(({ name, layout, tickMicros, clock, description }) => [
    `\`${name}\``,
    layout,
    `${tickMicros} µs, ${clock === 'utc-day' ? 'ticks of the UTC day' : 'free-running'}`,
    description,
  ]);
  return table(['profile', 'layout', 'clock', 'what it is'], rows);
}

function constantTable() {
  const rows = Object.entries(CONSTANTS).map(([name, { default: value, min, max, description, source }]) => [
    `\`${name}\``,
    formatConstant(name, value),
    `${formatConstant(name, min)} to ${formatConstant(name, max)}`,
    description,
    source,
  ]);
  return table(['constant', 'default', 'range', 'meaning', 'source'], rows);
}
