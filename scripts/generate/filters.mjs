// docs/filters.md: every field of the Wireshark plugin and of records.
import { trailerFields } from './fields.mjs';
import { table } from './table.mjs';

const TYPES = {
  u8: 'number',
  u16: 'number',
  u32: 'number',
  s32: 'signed number',
  id: 'octets, `0a:01`',
  'ipv4-list': 'IPv4 address, repeated',
  string: 'text',
  flag: 'true or absent',
  frame: 'frame number',
};

/** The page. */
export function filterReference(declared) {
  const { DERIVED_FIELDS, FINDINGS, FLAG_NAMES, LAYOUTS } = declared;
  const everywhere = Object.keys(LAYOUTS).length;
  const row = ({ filter, title, type, unit, layouts = [], description }) => [
    `\`${filter}\``,
    title,
    TYPES[type] + (unit === undefined ? '' : ` of ${unit}`),
    description + (layouts.length > 0 && layouts.length < everywhere ? ` (\`${layouts.join('`, `')}\` only)` : ''),
  ];
  const head = ['field', 'title', 'type', 'meaning'];
  return `# Display filters

<!-- Made by \`npm run generate\` from src/codec/layout.ts and src/dissector: change those, not this file. -->

For Wireshark and tshark with [the plugin](wireshark.md), and for [\`mpip dissect -Y\`](dissect.md), which selects the same
packets. \`mpip\` alone matches every packet with a control message (CM) or a finding, \`mpip.flags\` every packet with a CM.

## Fields of the CM

${table(head, trailerFields(declared).map(row))}

\`mpip.flags\`: ${FLAG_NAMES.map((name, value) => `${value} ${name}`).join(', ')}.

## What the plugin works out

${table(head, DERIVED_FIELDS.map(row))}

## Findings

\`mpip.expert == "near-cm"\` or \`mpip.expert.near_cm\`; they also stand under Analyze > Expert Information.

${table(
  ['filter', 'severity', 'meaning'],
  FINDINGS.map(({ id, severity, text }) => [`\`mpip.expert.${id.replaceAll('-', '_')}\``, severity, text]),
)}

## Syntax of \`mpip dissect -Y\`

That of Wireshark 4.0, of which this is understood:

| what | example |
| --- | --- |
| a field is there | \`mpip.wrapper\`, \`udp\` |
| relations: \`== != < <= > >=\` (\`eq ne lt le gt ge\`) | \`mpip.path_delay < -4000\` |
| all or any of several values: \`===\`, \`!==\` | \`mpip.local_addr === 10.1.0.0/16\` |
| text and octets: \`contains\`, \`matches\` (a regular expression, without regard to case) | \`mpip.expert matches "checksum$"\` |
| numbers: decimal, hex, binary, octal; one that the field cannot hold is refused | \`tcp.flags == 0x12\`, \`0b10010\`, \`022\` |
| sets and ranges | \`mpip.session_id in {1, 3..5}\` |
| bits | \`tcp.flags & 0x12 == 0x12\` |
| parts of octets: \`[at]\`, \`[at:length]\`, \`[from-to]\`, \`[-1]\` | \`mpip.node_id[0] == 0a\` |
| two fields | \`mpip.path_id == mpip.feedback_path_id\` |
| \`not\`, \`and\`, \`xor\`, \`or\` (\`! && ^^ ||\`), in this order, and brackets | \`not (mpip or tcp)\` |

\`!=\` means, as in Wireshark, that the field is there and none of its values is equal. Besides the fields above it knows those of
records ([dissect.md](dissect.md)) and

\`frame\`, \`ip\`, \`udp\`, \`tcp\`, \`ip.addr\`, \`ip.len\`, \`ip.ttl\`, \`udp.port\`, \`tcp.port\`, \`tcp.flags.fin\`, \`tcp.flags.syn\`,
\`tcp.flags.reset\`, \`tcp.flags.push\`, \`tcp.flags.ack\`, \`tcp.flags.urg\`, \`frame.cap_len\`, \`frame.interface_id\`,
\`frame.time_relative\`.

## Examples

| filter | shows |
| --- | --- |
| \`mpip.flags in {3, 4}\` | queries and their confirmations |
| \`mpip.node_id == 0a:01 && mpip.session_id == 2\` | what one node sends of one session, on all its paths |
| \`mpip.path_id == 0 && mpip.session_id > 0\` | packets of sessions that have no path yet |
| \`mpip.analysis.delay > 20000\` | feedback of more than 20 ms above the path's minimum (ticks of 1 µs) |
| \`mpip.analysis.path_tuple contains "10.2.0.1"\` | all paths of one address |
| \`mpip.wrapper && tcp.flags.fin\` | ends of connections inside the UDP wrapper |
| \`mpip.expert\` | packets with findings |
`;
}
