import type { CommandModule } from 'yargs';
import { FaultError } from '../exit.js';

const command: CommandModule = {
  command: 'check',
  describe: 'not built yet',
  handler: () => {
    throw new FaultError('mpip check is not built yet.');
  },
};

export default command;
