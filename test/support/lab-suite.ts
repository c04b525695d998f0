import { after, before, describe } from 'node:test';
import { NamespaceLab, whyNoNamespaces } from './namespaces.js';

/** Longer than any of these tests takes: one that hangs ends all the same. */
const LONGEST_MS = 600_000;

/** The lab of a suite; it is there as soon as a test runs. */
export interface LabSuite {
  readonly lab: NamespaceLab;
}

/** How the lab of a suite is made. */
export interface LabSuiteOptions {
  /** Commands that the tests need besides those of the lab. */
  readonly commands?: readonly string[];
  /** Makes the lab ready, once. */
  readonly prepare?: (lab: NamespaceLab) => void | Promise<void>;
}

/** A suite of tests in one lab without offloads; where it cannot be made, the suite is skipped with the reason. */
export function describeInLab(
  name: string,
  { commands = [], prepare }: LabSuiteOptions,
  tests: (suite: LabSuite) => void,
): void {
  describe(name, { skip: whyNoNamespaces('ethtool', ...commands), timeout: LONGEST_MS }, () => {
    const suite: { lab: NamespaceLab } = { lab: undefined as never };
    before(async () => {
      suite.lab = new NamespaceLab();
      suite.lab.switchOffloadsOff();
      await prepare?.(suite.lab);
    });
    after(() => suite.lab?.close());
    tests(suite);
  });
}
