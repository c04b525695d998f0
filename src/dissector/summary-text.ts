import type { Paint } from './paint.js';
import type { SummaryReport } from './summary.js';
import { count, table } from './text-table.js';

/** Tables of counts per flag, node, session and path. */
export function textSummary(report: SummaryReport, paint: Paint): string {
  const share = report.packets === 0 ? '' : ` (${((100 * report.mpip) / report.packets).toFixed(1)} %)`;
  const duration = report.first === null ? '' : `, ${(Number(report.last) - Number(report.first)).toFixed(3)} s`;
  const lines = [
    `${count(report.packets)} packets, ${count(report.bytes)} bytes${duration}; ${count(report.ipv4)} IPv4; ${paint.bold(`${count(report.mpip)} with a CM`)}${share}`,
  ];
  if (report.mpip > 0) {
    const { udp, tcp, wrapper } = report.carriers;
    lines.push(`carriers: UDP ${count(udp)}, TCP ${count(tcp)}, TCP wrapped in UDP ${count(wrapper)}`, '');
    const names = Object.keys(report.flags);
    lines.push(
      ...table(
        ['node', 'layout', 'packets', ...names, 'addresses'],
        [
          ...report.nodes.map((node) => [
            node['mpip.node_id'],
            node['mpip.layout'],
            count(node.packets),
            ...names.map((name) => count(node.flags[name]!)),
            node.addresses.join(' '),
          ]),
          ...(report.nodes.length > 1
            ? [['all', '', count(report.mpip), ...names.map((name) => count(report.flags[name]!)), '']]
            : []),
        ],
        paint,
      ),
      '',
    );
    // One by one: of a hundred thousand sessions they are more than a call takes.
    for (const line of table(
      ['node', 'session', 'path', 'packets', 'data bytes'],
      report.nodes.flatMap((node) =>
        node.sessions.flatMap((session) =>
          session.paths.map((path) => [
            node['mpip.node_id'],
            session['mpip.session_id'] === 0 ? '-' : String(session['mpip.session_id']),
            String(path['mpip.path_id']),
            count(path.packets),
            count(path.bytes),
          ]),
        ),
      ),
      paint,
    ))
      lines.push(line);
  }
  const { notes } = report;
  const remarks: [number, string][] = [
    [notes.wrongUdpLength, 'packets with a CM have a wrong UDP length'],
    [notes.badIpChecksum, 'packets with a CM have a wrong IP header checksum'],
    [notes.badUdpChecksum, 'packets with a CM have a wrong UDP checksum'],
    [notes.badTcpChecksum, 'packets with a CM have a wrong TCP checksum'],
    [notes.ambiguous, 'blocks satisfy both layouts'],
    [notes.nearCm, 'ordinary packets end in what is nearly a CM'],
  ];
  const told = remarks
    .filter(([number]) => number > 0)
    .map(([number, text]) => paint.yellow(`${count(number)} ${text}`));
  if (told.length > 0) lines.push('', ...told);
  return `${lines.join('\n')}\n`;
}
