/** One of the things that take turns. @returns Mbit/s. */
export type Contender = () => Promise<number>;

/** Lets every contender run once in each round, which `MPIP_BENCH_ROUNDS` sets where it is there. @returns the median of each, and of the ratios to the first. */
export async function takeTurns(rounds: number, contenders: Readonly<Record<string, Contender>>) {
  const turns = Number(process.env.MPIP_BENCH_ROUNDS ?? rounds);
  const names = Object.keys(contenders);
  const figures = new Map(names.map((name) => [name, [] as number[]]));
  for (let round = 0; round < turns; round++) {
    for (const name of names) {
      const mbits = await contenders[name]!();
      figures.get(name)!.push(mbits);
      console.log(`  ${name}: ${mbits.toFixed(0)} Mbit/s`);
    }
  }
  const first = figures.get(names[0]!)!;
  return {
    mbits: (name: string) => median(figures.get(name)!),
    ratio: (name: string) => median(figures.get(name)!.map((mbits, i) => mbits / first[i]!)),
  };
}

function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  return (sorted[(sorted.length - 1) >> 1]! + sorted[sorted.length >> 1]!) / 2;
}

export function report(name: string, ratio: number, goal: string, detail: string): void {
  console.log(`${name}: ${ratio.toFixed(2)} (goal ${goal}); ${detail}`);
  if (process.env.MPIP_BENCH_JSON) console.log(JSON.stringify({ name, ratio, goal, detail }));
}
