#!/usr/bin/env node
import { main } from './main.js';

process.exitCode = await main(['check', ...process.argv.slice(2)]);
