import { Campaign } from '../../src/fuzz/campaign.js';
import { type Defect, defectiveTarget } from './defect.js';

/** How a defect was found from a cold start. */
export interface Discovery {
  readonly name: string;
  readonly seed: number;
  /** The oracle and code, or undefined when nothing was found. */
  readonly group: string | undefined;
  readonly messages: number;
  /** Processor time of all threads. */
  readonly seconds: number;
}

/** Fuzzes a peer with one defect until something is found, for `runs` exchanges at most. */
export async function discover(defect: Defect, seed: number, runs: number): Promise<Discovery> {
  const campaign = new Campaign({
    target: defectiveTarget(defect),
    seed,
    runs,
    time: Number.POSITIVE_INFINITY,
    shard: { index: 1, of: 1 },
    corpus: [],
    regressions: [],
    folder: undefined,
    longestPause: 121_000_000,
    mostFindings: 1,
    minimises: false,
  });
  const before = process.cpuUsage();
  const { messages } = await campaign.run();
  const { user, system } = process.cpuUsage(before);
  const [first] = campaign.findings.values();
  return {
    name: defect.name,
    seed,
    group: first?.finding.group,
    messages: first?.firstSeen.messages ?? messages,
    seconds: (user + system) / 1e6,
  };
}
