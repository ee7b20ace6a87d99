/**
 * The lines of a build's log, as other builders of this API write them: `v:` for a step (vertex), `s:` for progress
 * inside a step (status), `l:` for what a step prints (log); then a time to the second.
 */
export function stepLine(time: Date, name: string, seconds?: number): string {
  return `v: ${stamp(time)} ${name}${seconds === undefined ? '' : ` ${seconds.toFixed(2)}s`}`;
}

export function statusLine(time: Date, text: string): string {
  return `s: ${stamp(time)} ${text}`;
}

export function outputLine(time: Date, text: string): string {
  // Progress bars redraw a line with carriage returns; what stands at the end counts.
  const shown = text.includes('\r') ? (text.split('\r').findLast((part) => part !== '') ?? '') : text;
  return `l: ${stamp(time)} ${shown}`;
}

function stamp(time: Date): string {
  return `${time.toISOString().slice(0, 19)}Z`;
}
