// `mpip peer --interface` over four paths, in network namespaces that are made here and removed again; as root.
//   npm run bench -- peer-live-paths [--write]
// Two hosts of two interfaces of 100 Mbit/s each: TCP in both modes and UDP, by both schedulers, next to the kernel's
// MPTCP. What is compared takes turns; each figure is the median of its rounds (MPIP_BENCH_ROUNDS), goodput is what the
// receiver got after 8 s. Other rates and delays: `mpip lab`.

import { whyNoNamespaces } from '../test/support/namespaces.js';
import { CAPACITY, PathsLab } from './paths-lab.js';
import { type Contender, report, takeTurns } from './turns.js';

const SECONDS = 4;
const ROUNDS = 3;
const MODES = { 'fake TCP': '--fake-tcp', 'UDP wrapper': '--udp-wrapper' } as const;
const SCHEDULERS = ['paper', 'earliest'] as const;

async function benchPaths(): Promise<void> {
  const lab = new PathsLab();
  const contenders: Record<string, Contender> = { MPTCP: () => lab.tcp(SECONDS, ['mptcpize', 'run']) };
  for (const scheduler of SCHEDULERS) {
    const options = ['--scheduler', scheduler];
    for (const [mode, option] of Object.entries(MODES))
      contenders[`${mode}, ${scheduler}`] = () => lab.withPeers([option, ...options], () => lab.tcp(SECONDS));
    contenders[`UDP, ${scheduler}`] = () => lab.withPeers(options, () => lab.udp(SECONDS));
  }
  const { ratio, mbits } = await takeTurns(ROUNDS, contenders);
  lab.close();
  const share = (name: string) =>
    `${mbits(name).toFixed(1)} Mbit/s, ${(mbits(name) / CAPACITY).toFixed(3)} of ${CAPACITY}`;
  for (const scheduler of SCHEDULERS) {
    for (const mode of Object.keys(MODES)) {
      const name = `${mode}, ${scheduler}`;
      const detail = `${share(name)}; MPTCP ${share('MPTCP')}; cubic, fullmesh`;
      report(`peer, 4 paths: TCP, ${name}, to MPTCP`, ratio(name), 'at least 0.95', detail);
    }
    const name = `UDP, ${scheduler}`;
    const detail = `${mbits(name).toFixed(1)} Mbit/s; the headers' bound is 0.940`;
    report(`peer, 4 paths: ${name}, to capacity`, mbits(name) / CAPACITY, 'at least 0.91', detail);
  }
}

const reason = whyNoNamespaces('ethtool', 'iperf3', 'mptcpize');
if (reason !== undefined) console.log(`Skipped: ${reason}`);
else await benchPaths();
