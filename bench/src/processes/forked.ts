import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** A separate process, so that its memory and processor time are measured apart from the bench's. */
export interface Forked<Requests extends Record<string, Request>> {
  /** Sends a request to the process, and returns its answer. One request at a time. */
  ask<Name extends keyof Requests>(
    name: Name,
    question: Requests[Name]['question'],
  ): Promise<Requests[Name]['answer']>;
  stop(): void;
}

interface Request {
  readonly question: unknown;
  readonly answer: unknown;
}

/** The functions of a forked process, by request name. */
export type Answers<Requests extends Record<string, Request>> = {
  readonly [Name in keyof Requests]: (
    question: Requests[Name]['question'],
  ) => Promise<Requests[Name]['answer']> | Requests[Name]['answer'];
};

/** Starts `<name>.js`, which lies beside this module and calls `answer`. */
export function startProcess<Requests extends Record<string, Request>>(name: string): Forked<Requests> {
  const child = fork(fileURLToPath(new URL(`./${name}.js`, import.meta.url)), { execArgv: [] });
  const gone = once(child, 'exit').then(([code, signal]) => {
    throw new Error(`${name} ended with ${code ?? signal}`);
  });
  gone.catch(() => {});
  return {
    async ask(request, question) {
      child.send({ request, question });
      const [reply] = (await Promise.race([once(child, 'message'), gone])) as [
        { answer: never } | { error: string },
      ];
      if ('error' in reply) throw new Error(`${name}: ${reply.error}`);
      return reply.answer;
    },
    stop: () => child.kill(),
  };
}

/** Answers the requests of the process that forked this one. */
export function answer<Requests extends Record<string, Request>>(answers: Answers<Requests>): void {
  process.on('message', (message: { request: keyof Requests; question: never }) => {
    Promise.resolve()
      .then(() => answers[message.request](message.question))
      .then(
        (result) => process.send?.({ answer: result }),
        (error: unknown) => process.send?.({ error: error instanceof Error ? error.stack : String(error) }),
      );
  });
}
