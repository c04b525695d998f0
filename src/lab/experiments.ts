import { ADDRESSES, conditions, late, RADIO, WIRELESS } from './conditions.js';
import { equalWeights, MPIP, MPIP_WRAPPER, MPTCP, mpipWith, TCP, table8 } from './contenders.js';
import { best, type Claim, type Experiment, equalClaim, orderClaim, ratioGoal, shareClaim } from './experiment.js';
import { AUDIO } from './experiments-audio.js';
import { BEYOND } from './experiments-beyond.js';
import { CLOCK } from './experiments-clock.js';
import { tcpGoodput, udpGoodput } from './measurements.js';

const MBITS = 'Mbit/s';
const BOTH_MPIP = ['mpip', 'mpip-scheduler'];
const MPIP_BEATS_MPTCP = orderClaim('MPIP reaches more than MPTCP', 'mpip', 'mptcp');
/** How the figures name the paths from the client's second interface. */
const FROM_A2 = `${ADDRESSES.a2} →`;
const TOGETHER_IS_BEST: Claim = (systems) => {
  const text = 'MPIP and MPTCP together reach more than either alone (EV-08)';
  const [alone] = best(systems, ['mptcp', 'mpip']) ?? ['mptcp'];
  return orderClaim(text, 'mpip+mptcp', alone)(systems);
};

/** What the rows of Table 8 have in common: one TCP connection, carried by each stack in turn. */
const ONE_CONNECTION = { unit: MBITS, contenders: table8, seconds: 8, settle: 6, measure: tcpGoodput } as const;

const TABLE_8: readonly Experiment[] = [
  {
    name: 'table8-nolimit',
    title: 'No limit',
    source: 'Table 8, row 1; Figure 3(a), 3(b)',
    about: 'One TCP connection over two interfaces of 100 Mbit/s at each host.',
    capacityMbps: 200,
    ...ONE_CONNECTION,
    conditions: conditions(),
    paper: { mptcp: 129.5, mpip: 171.2, 'mpip+mptcp': 164.6 },
    goal: ratioGoal('at least 0.97 of MPTCP', BOTH_MPIP, 'mptcp', { atLeast: 0.97 }),
    claims: [
      orderClaim('TCP over several interfaces clearly exceeds one (EV-01)', 'mpip', 'tcp', 0.3),
      MPIP_BEATS_MPTCP,
      orderClaim('MPIP and MPTCP together reach less than MPIP alone', 'mpip', 'mpip+mptcp'),
      shareClaim('two of the four paths carry almost everything', 'mpip', (_path, rank) => rank < 2, { atLeast: 90 }),
    ],
  },
  {
    name: 'table8-nic-limit',
    title: 'One interface limited to 40 Mbit/s',
    source: 'Table 8, row 2; Figure 3(c), 3(d)',
    about: 'As before; what leaves the client by its second interface is limited to 40 Mbit/s.',
    capacityMbps: 140,
    ...ONE_CONNECTION,
    conditions: conditions({ a2: { outbound: 40 } }),
    paper: { mptcp: 112.6, mpip: 113.4, 'mpip+mptcp': 125.6 },
    goal: ratioGoal('at least 0.95 of MPTCP', BOTH_MPIP, 'mptcp', { atLeast: 0.95 }),
    claims: [equalClaim('MPIP and MPTCP reach about the same', 'mpip', 'mptcp'), TOGETHER_IS_BEST],
  },
  {
    name: 'table8-pairwise-limit',
    title: 'Two pairs limited to 20 Mbit/s',
    source: 'Table 8, row 3; Figure 3(e), 3(f)',
    about: "From the client's second interface to each of the server's, 20 Mbit/s.",
    capacityMbps: 140,
    ...ONE_CONNECTION,
    conditions: conditions(
      {},
      {
        pairs: [
          { from: 'a2', to: 'b1', rate: 20 },
          { from: 'a2', to: 'b2', rate: 20 },
        ],
      },
    ),
    paper: { mptcp: 114.5, mpip: 94.7, 'mpip+mptcp': 125.1 },
    goal: ratioGoal('at least 0.92 of MPTCP', BOTH_MPIP, 'mptcp', { atLeast: 0.92 }),
    claims: [orderClaim('MPTCP reaches more than MPIP', 'mptcp', 'mpip'), TOGETHER_IS_BEST],
  },
  {
    name: 'table8-delay',
    title: '5 ms on each interface',
    source: 'Table 8, row 4; Figure 3(g), 3(h)',
    about: 'What leaves the client is 5 ms late on both interfaces.',
    capacityMbps: 200,
    ...ONE_CONNECTION,
    conditions: conditions({ a1: { out: late(5) }, a2: { out: late(5) } }),
    paper: { mptcp: 129.7, mpip: 182.0, 'mpip+mptcp': 165.0 },
    goal: ratioGoal('at least 0.97 of MPTCP', BOTH_MPIP, 'mptcp', { atLeast: 0.97 }),
    claims: [MPIP_BEATS_MPTCP],
  },
  {
    name: 'delay-one',
    title: '5 ms on one interface only',
    source: 'beyond the paper',
    about:
      "What leaves the client by its second interface is 5 ms late: more than the paper's buffer of 10 segments holds.",
    capacityMbps: 200,
    ...ONE_CONNECTION,
    conditions: conditions({ a2: { out: late(5) } }),
    goal: ratioGoal('at least 0.92 of MPTCP', BOTH_MPIP, 'mptcp', { atLeast: 0.92 }),
  },
  {
    name: 'table8-wireless',
    title: 'One wireless interface',
    source: 'Table 8, row 5; Figure 3(i), 3(j)',
    about: "The client's second interface is wireless: 20 to 40 Mbit/s, 0.4 ms more there and back, jitter, some loss.",
    capacityMbps: 130,
    ...ONE_CONNECTION,
    conditions: conditions({ a2: WIRELESS }),
    paper: { mptcp: 97.9, mpip: 89.2, 'mpip+mptcp': 107.5 },
    goal: ratioGoal('at least 0.95 of MPTCP, and more than the better path alone', BOTH_MPIP, 'mptcp', {
      atLeast: 0.95,
    }),
    claims: [
      orderClaim('MPTCP reaches more than MPIP', 'mptcp', 'mpip'),
      TOGETHER_IS_BEST,
      shareClaim('the wireless paths get almost nothing', 'mpip', (path) => path.includes(FROM_A2), { atMost: 10 }),
    ],
  },
];

const FIGURES: readonly Experiment[] = [
  {
    name: 'fig2b-reordering',
    title: 'Reordering on and off',
    source: 'Figure 2(b), 4.2.1',
    about:
      "One wireless interface, all weights equal for ever, so that half of the packets take it; with a TCP that takes three overtaken segments for a loss, as that of the paper's time did, and with today's, which learns how much is overtaken.",
    capacityMbps: 130,
    unit: MBITS,
    conditions: conditions({ a2: WIRELESS }),
    contenders: () => [
      { ...equalWeights('on', 'on'), strictTcp: true },
      { ...equalWeights('off', 'off', ['--no-reordering']), strictTcp: true },
      equalWeights('on-today', "on, today's TCP"),
      equalWeights('off-today', "off, today's TCP", ['--no-reordering']),
    ],
    seconds: 8,
    settle: 4,
    measure: tcpGoodput,
    paper: { on: 28.2, off: 19.4 },
    goal: ratioGoal('on at least 1.4 times off', ['on'], 'off', { atLeast: 1.4 }),
    claims: [
      orderClaim('reordering raises throughput when delays differ (EV-03)', 'on', 'off'),
      orderClaim("and does so for today's TCP", 'on-today', 'off-today'),
    ],
  },
  {
    name: 'fig2c-encapsulation',
    title: 'Fake TCP and UDP wrapper',
    source: 'Figure 2(c), 4.2.2',
    about: 'The two ways of carrying TCP on further paths, and TCP alone.',
    capacityMbps: 200,
    unit: MBITS,
    conditions: conditions(),
    contenders: () => [TCP, MPIP, MPIP_WRAPPER],
    seconds: 8,
    settle: 6,
    measure: tcpGoodput,
    paper: { tcp: 92, mpip: 165, 'mpip-wrapper': 165 },
    claims: [equalClaim('fake TCP and UDP wrapper reach about the same (EV-02)', 'mpip', 'mpip-wrapper')],
  },
  {
    name: 'fig3-two-paths',
    title: 'Two paths, one limited to 40 Mbit/s',
    source: 'Figure 3(k), 3(l)',
    about: 'Only a1 with b1 and a2 with b2; the second path carries 40 Mbit/s.',
    capacityMbps: 140,
    unit: MBITS,
    conditions: conditions(
      { a2: { outbound: 40 } },
      {
        pairs: [
          { from: 'a1', to: 'b2', rate: 0 },
          { from: 'a2', to: 'b1', rate: 0 },
        ],
      },
    ),
    contenders: (scheduler) => [TCP, MPTCP, MPIP, mpipWith(scheduler)],
    seconds: 8,
    settle: 6,
    measure: tcpGoodput,
  },
  {
    name: 'fig4-nat',
    title: 'Behind a NAT, over one bottleneck',
    source: 'Figure 4, 4.2.2',
    about: "The server has one interface, 5 Mbit/s and 20 ms away; the router masquerades the client's two.",
    capacityMbps: 5,
    unit: MBITS,
    conditions: conditions(
      { b1: { rate: 5, queue: 30_000, in: late(20), out: late(20) } },
      { nat: true, absent: ['b2'] },
    ),
    contenders: table8,
    seconds: 8,
    settle: 4,
    measure: tcpGoodput,
    goal: ratioGoal('MPIP reaches at least 0.9 of what TCP does', BOTH_MPIP, 'tcp', { atLeast: 0.9 }),
    claims: [
      equalClaim('no gain over a shared bottleneck, but its capacity is reached (EV-05)', 'mpip', 'tcp'),
      equalClaim('MPTCP reaches it too', 'mptcp', 'tcp'),
      equalClaim('and so do both together', 'mpip+mptcp', 'tcp'),
    ],
  },
  {
    name: 'udp-gain',
    title: 'UDP',
    source: '4.3',
    about: 'Datagrams as fast as the links carry them; MPTCP has nothing for them.',
    capacityMbps: 200,
    unit: MBITS,
    conditions: conditions(),
    contenders: (scheduler) => [{ id: 'udp', label: 'UDP' }, MPIP, mpipWith(scheduler)],
    seconds: 6,
    settle: 6,
    measure: udpGoodput(200),
    goal: ratioGoal('at least 0.91 of capacity', BOTH_MPIP, 200, { atLeast: 0.91 }),
    claims: [orderClaim('UDP reaches nearly double (EV-04)', 'mpip', 'udp', 0.7)],
  },
  {
    name: 'fig5c-acks',
    title: 'Small packets by the fastest path',
    source: 'Figure 5(c), 4.3',
    about:
      'As Figure 2(b), with a wireless link that carries one frame at a time, in either direction; packets below 200 octets, acknowledgements among them, take the path of the lowest delay, or not.',
    capacityMbps: 130,
    unit: MBITS,
    conditions: conditions({ a2: RADIO }),
    contenders: () => [equalWeights('off', 'no rule'), equalWeights('on', 'small-packet rule', [], true)],
    seconds: 8,
    settle: 4,
    measure: tcpGoodput,
    paper: { off: 24.2, on: 28.5 },
    goal: ratioGoal('with the rule at least 1.1 times without', ['on'], 'off', { atLeast: 1.1 }),
    claims: [orderClaim('routing acknowledgements raises TCP throughput (EV-07)', 'on', 'off')],
  },
];

/** Every experiment, in the order in which `mpip lab all` plays them. */
export const EXPERIMENTS: readonly Experiment[] = [...TABLE_8, ...FIGURES, ...CLOCK, ...AUDIO, ...BEYOND];
