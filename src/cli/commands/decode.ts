import type { CommandModule } from 'yargs';
import { FaultError } from '../exit.js';

const command: CommandModule = {
  command: 'decode',
  describe: 'not built yet',
  handler: () => {
    throw new FaultError('mpip decode is not built yet.');
  },
};

export default command;
