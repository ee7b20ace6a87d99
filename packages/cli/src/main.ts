#!/usr/bin/env node
import { argv, env, stderr, stdout } from 'node:process';
import { runCli } from './cli.js';
import { createScreen } from './terminal/terminal.js';

// The reader of our output may close the pipe, as `head` does.
stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});
process.exitCode = await runCli({
  argv: argv.slice(2),
  env,
  terminal: { out: createScreen(stdout, env), err: createScreen(stderr, env) },
});
