// What the Wireshark plugin adds to tshark, beside a post-dissector that does nothing.
//   node build/bench/wireshark.bench.js [--packets N] [--rounds N]
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { best, type Run, row, run } from './commands.js';
import { makeCapture } from './make-capture.js';

const { values } = parseArgs({
  options: { packets: { type: 'string', default: '100000' }, rounds: { type: 'string', default: '5' } },
});
const packets = Number(values.packets);
const rounds = Number(values.rounds);

const COMMANDS = {
  '-q -z io,stat,0': ['-q', '-z', 'io,stat,0'],
  '-T fields': ['-T', 'fields', '-e', 'frame.number', '-e', 'ip.src', '-e', 'udp.srcport'],
} as const;
const EMPTY = `local empty = Proto("empty", "Does nothing")
function empty.dissector() end
register_postdissector(empty)
`;

if (spawnSync('tshark', ['--version']).status !== 0) {
  console.log('Nothing to measure: tshark is not installed (apt-get install tshark).');
  process.exit(0);
}
const folder = mkdtempSync(join(tmpdir(), 'mpip-bench-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
process.on('SIGINT', () => process.exit(130));
const captures = { half: join(folder, 'half.pcap'), none: join(folder, 'none.pcap') };
const start = join(folder, 'start.pcap');
makeCapture(captures.half, packets, 1);
makeCapture(captures.none, packets, 1, false);
makeCapture(start, 0);
const empty = join(folder, 'empty.lua');
writeFileSync(empty, EMPTY);
const scripts: Readonly<Record<string, readonly string[]>> = {
  bare: [],
  empty: ['-X', `lua_script:${empty}`],
  plugin: ['-X', 'lua_script:wireshark/mpip.lua'],
};

await measure('-q -z io,stat,0', 'half', 'at most 120');
await measure('-T fields', 'half', 'at most 80');
await measure('-q -z io,stat,0', 'none', 'at most 15');
await measure('-T fields', 'none', 'at most 15');

/** Each script in turns, the start of each process subtracted. */
async function measure(name: keyof typeof COMMANDS, which: keyof typeof captures, goal: string): Promise<void> {
  const runs = new Map<string, Run[]>();
  const add = (key: string, one: Run) => runs.set(key, [...(runs.get(key) ?? []), one]);
  for (let round = 0; round < rounds; round++) {
    for (const [script, options] of Object.entries(scripts)) {
      const command = (file: string) => [
        'sh',
        '-c',
        'exec "$@" > /dev/null',
        'sh',
        'tshark',
        ...options,
        '-n',
        '-r',
        file,
      ];
      add(`start ${script}`, await run([...command(start), ...COMMANDS[name]]));
      add(script, await run([...command(captures[which]), ...COMMANDS[name]]));
    }
  }
  const net = (script: string) => best(runs.get(script)!) - best(runs.get(`start ${script}`)!);
  const added = (script: string) => 100 * (net(script) / net('bare') - 1);
  const kind = which === 'half' ? 'half with a CM' : 'none with a CM';
  const detail = `${packets} packets, ${kind}; without it ${net('bare').toFixed(2)} s, process start subtracted, best of ${rounds}; an empty post-dissector adds ${added('empty').toFixed(0)} %`;
  console.log(`tshark ${name}, ${kind}: the plugin adds ${added('plugin').toFixed(0)} % (goal: ${goal}); ${detail}`);
  row(`plugin in tshark ${name}, ${kind}: per cent of time added`, added('plugin'), goal, detail);
}
