import { existsSync } from 'node:fs';
import { resolve } from 'node:path';

const FOLDER = resolve('node_modules/.cap/node_modules/cap');

/**
 * The folder of the optional package cap where `npm run verify` has compiled it and interfaces can be read; undefined elsewhere, and
 * then its tests are left out.
 */
export const CAP = process.getuid?.() === 0 && existsSync(`${FOLDER}/build/Release/cap.node`) ? FOLDER : undefined;
