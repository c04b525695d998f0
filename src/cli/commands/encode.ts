import type { CommandModule } from 'yargs';
import { FaultError } from '../exit.js';

const command: CommandModule = {
  command: 'encode',
  describe: 'not built yet',
  handler: () => {
    throw new FaultError('mpip encode is not built yet.');
  },
};

export default command;
