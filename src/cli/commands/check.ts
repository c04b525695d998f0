import type { CommandModule } from 'yargs';
import type { CheckArguments } from '../check-options.js';
import { DEFAULT_PORT } from '../default-port.js';
import { repeatable, single } from '../options.js';

const command: CommandModule<object, CheckArguments> = {
  command: 'check [peer]',
  describe: 'examine a peer: a verdict for each requirement',
  builder: (yargs) =>
    yargs
      .usage(
        'mpip check PEER [option ...]\nmpip check --self [option ...]\nmpip check [PEER] --capture FILE... [option ...]\nmpip check --list [filter ...]\n\nExamines whether a peer speaks MPIP as the paper says. Exit code: 0 all passed, 1 something failed, 2 wrong command line, 3 something inconclusive, 4 a fault on this side.',
      )
      .positional('peer', { describe: "the peer's IPv4 address, or localhost", type: 'string' })
      .option('self', { describe: 'test the built-in reference in a virtual network', type: 'boolean' })
      .option(
        'capture',
        repeatable('judge a capture instead: of all its nodes, or of the one at PEER; files are merged by time'),
      )
      .option('list', { describe: 'list the cases instead of playing them', type: 'boolean' })
      .option('format', single('with --list: text or json (default text)'))
      .option('udp-port', single(`port of services that name none (default ${DEFAULT_PORT})`))
      .option('tcp-port', single('port of a TCP echo service; cases about TCP need one (with --self: that of echo)'))
      .option('service', repeatable('what the peer offers: echo, discard or chargen, each with :PORT (default echo)'))
      .option('source', repeatable('local IPv4 address to test from; several are used as several hosts'))
      .option('profile', single('how the peer speaks (default auto: found out; with --self paper)'))
      .option(
        'pics',
        single('what the peer supports: a YAML file, or paper, paper-wrapper, linux-2014, linux-2015, linux-2017'),
      )
      .option('pixit', repeatable("one of the peer's constants, such as session-expiry=3s"))
      .option('case', repeatable('play only cases whose id matches this glob'))
      .option('skip', repeatable('leave out cases whose id matches this glob'))
      .option('requirement', repeatable('play only cases that cover this requirement'))
      .option('area', repeatable('play only cases of this area'))
      .option('slow', { describe: 'play cases that wait longer than 10 s too', type: 'boolean' })
      .option(
        'link',
        single('packet (packet sockets, Linux), pcap (libpcap, by the package cap) or socket (ordinary ones)'),
      )
      .option('unprivileged', { describe: 'use ordinary sockets, as --link socket', type: 'boolean' })
      .option('explain', { describe: 'say at the end why the peer does not use several paths', type: 'boolean' })
      .option('upper-tester', single('program that makes the peer act: JSON lines of docs/control.md on its input'))
      .option('shell', { describe: 'run that program through /bin/sh', type: 'boolean' })
      .option('control', single('control socket of an mpip peer, to make it act'))
      .option('allow-target', repeatable('CIDR that raw packets may go to beside loopback and private addresses'))
      .option('rate', single('most packets a second (default 4000)'))
      .option('seed', single('seed of random choices (default random; printed)'))
      .option('jobs', single('cases played side by side'))
      .option('timeout', single('longest time for one case in seconds'))
      .option(
        'report',
        repeatable('KIND=PATH with text, json, ndjson, junit, tap, markdown or html; - is standard output'),
      )
      .option('evidence', single('folder for a pcapng file per case'))
      .option(
        'known-failing',
        single('file of cases that are known to fail, with their causes; they do not fail the run'),
      )
      .option('update-known-failing', { describe: 'write that file anew from this run', type: 'boolean' })
      .example('mpip check 127.0.0.2 --unprivileged --service echo --service discard:7001', 'a peer on loopback')
      .example("mpip check --self --case 'AV-*' --report json=-", 'some cases against the reference') as never,
  // Loaded when they are needed: a list is there at once.
  handler: async (argv) => {
    if (argv.list === true) return (await import('../check-list.js')).listCases(argv) as never;
    if (argv.capture.length > 0) return (await (await import('../check-capture.js')).checkCapture(argv)) as never;
    return (await (await import('../run-check.js')).runCheck(argv)) as never;
  },
};

export default command;
