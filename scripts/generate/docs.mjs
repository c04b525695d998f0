// The generated parts of docs/wire-format.md, docs/commands.md and docs/dissect.md, and all of docs/filters.md and
// docs/requirements.md.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { withGenerated } from '../lib/generated.mjs';
import { ROOT } from '../lib/run.mjs';
import { filterReference } from './filters.mjs';
import { table } from './table.mjs';

/** The pages by path. */
export function docs(declared) {
  const { LAYOUTS } = declared;
  const pages = {
    'docs/wire-format.md': {
      'layout compact': layoutTable(LAYOUTS.compact),
      'layout full': layoutTable(LAYOUTS.full),
      flags: flagTable(declared),
      profiles: profileTable(declared),
    },
    'docs/commands.md': { constants: constantTable(declared) },
    'docs/dissect.md': { findings: findingTable(declared) },
  };
  const texts = Object.entries(pages).map(([path, parts]) => [
    path,
    Object.entries(parts).reduce(
      (text, [name, content]) => withGenerated(text, name, content),
      readFileSync(join(ROOT, path), 'utf8'),
    ),
  ]);
  return {
    ...Object.fromEntries(texts),
    'docs/filters.md': filterReference(declared),
    'docs/requirements.md': requirements(declared),
  };
}

/** The catalogue: every statement of the paper with the cases that cover it. */
function requirements({ CASES, catalogueMarkdown, requirementCatalogue }) {
  return [
    '# Requirements',
    '',
    'Every testable statement of the MPIP paper, and what was judged where the paper leaves something open, with the cases of',
    '`mpip check` that cover it or the reason why none can. The same as `mpip requirements --format markdown`.',
    '',
    catalogueMarkdown(requirementCatalogue(CASES)),
  ].join('\n');
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

function flagTable({ FLAG_NAMES, isControlFlag }) {
  const rows = FLAG_NAMES.map((name, value) => [
    value,
    `\`${name}\``,
    isControlFlag(value) ? 'never' : 'without its trailer',
  ]);
  return table(['value', 'name', 'passed up'], rows);
}

function profileTable({ PROFILES }) {
  const rows = Object.values(PROFILES).map(({ name, layout, tickMicros, clock, description }) => [
    `\`${name}\``,
    layout,
    `${tickMicros} µs, ${clock === 'utc-day' ? 'ticks of the UTC day' : 'free-running'}`,
    description,
  ]);
  return table(['profile', 'layout', 'clock', 'what it is'], rows);
}

function constantTable({ CONSTANTS, formatConstant }) {
  const rows = Object.entries(CONSTANTS).map(([name, { default: value, min, max, description, source }]) => [
    `\`${name}\``,
    formatConstant(name, value),
    `${formatConstant(name, min)} to ${formatConstant(name, max)}`,
    description,
    source,
  ]);
  return table(['constant', 'default', 'range', 'meaning', 'source'], rows);
}

function findingTable({ FINDINGS }) {
  const rows = FINDINGS.map(({ id, severity, text, remark }) => [
    `\`${id}\``,
    severity,
    remark === undefined ? text : `${text} (${remark})`,
  ]);
  return table(['finding', 'severity', 'meaning'], rows);
}
