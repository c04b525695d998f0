import type { TestCase } from '../conformance/case.js';
import type { CheckArguments } from './check-options.js';
import { chosenCases } from './check-selection.js';
import { Exit } from './exit.js';
import { oneOf } from './options.js';

/** Prints the cases that the filters choose. @returns the exit code. */
export async function listCases(argv: CheckArguments): Promise<number> {
  const format = oneOf('--format', argv.format ?? 'text', ['text', 'json']);
  const cases = argv.capture.length > 0 ? await passiveCases(argv) : chosenCases(argv);
  if (format === 'json') {
    const rows = cases.map(({ id, area, purpose, requirements, services }) => ({
      id,
      area,
      purpose,
      requirements,
      services,
    }));
    process.stdout.write(`${JSON.stringify(rows, null, 2)}\n`);
    return Exit.ok;
  }
  const column = Math.max(0, ...cases.map((testCase) => testCase.id.length));
  const lines = cases.map((testCase) => listLine(testCase, column));
  process.stdout.write(`${lines.join('\n')}\n`);
  return Exit.ok;
}

/** The predicates that captures are judged by, as cases that need no service. */
async function passiveCases(argv: CheckArguments): Promise<ListedCase[]> {
  const { chosenPredicates } = await import('./check-capture.js');
  return chosenPredicates(argv).map((predicate) => ({ ...predicate, services: [] }));
}

type ListedCase = Pick<TestCase, 'id' | 'area' | 'purpose' | 'requirements' | 'services'>;

function listLine({ id, purpose, requirements, services }: ListedCase, column: number): string {
  return `${id.padEnd(column)}  ${purpose} [${requirements.join(' ')}; ${services.join(' ') || 'no service'}]`;
}
