import type { CommandModule } from 'yargs';
import { FaultError } from '../exit.js';

const command: CommandModule = {
  command: 'peer',
  describe: 'not built yet',
  handler: () => {
    throw new FaultError('mpip peer is not built yet.');
  },
};

export default command;
