import type { CommandModule } from 'yargs';
import { FaultError } from '../exit.js';

const command: CommandModule = {
  command: 'dissect',
  describe: 'not built yet',
  handler: () => {
    throw new FaultError('mpip dissect is not built yet.');
  },
};

export default command;
