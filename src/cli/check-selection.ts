import type { TestCase } from '../conformance/case.js';
import { CASES } from '../conformance/cases/index.js';
import { SelectionError, select } from '../conformance/select.js';
import type { CheckArguments } from './check-options.js';
import { UsageError } from './exit.js';
import { nearest } from './options.js';

/**
 * The cases that the filters choose.
 * @throws UsageError with a near match for a filter that is unknown or matches nothing.
 */
export function chosenCases(argv: Pick<CheckArguments, 'case' | 'skip' | 'area' | 'requirement'>): TestCase[] {
  try {
    return select(CASES, {
      cases: argv.case,
      skip: argv.skip,
      areas: argv.area.map((area) => area.toUpperCase()),
      requirements: argv.requirement.map((id) => id.toUpperCase()),
    });
  } catch (error) {
    throw error instanceof SelectionError ? selectionFault(error, '--list') : error;
  }
}

/** The error of a filter in words. @param list options that show what there is */
export function selectionFault({ message, typed, candidates }: SelectionError, list: string): UsageError {
  const near = nearest(typed, candidates);
  const advice = near === undefined ? `; mpip check ${list} shows what there is.` : `; did you mean '${near}'?`;
  return new UsageError(message + advice);
}
