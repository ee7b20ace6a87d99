export {
  type ChildExit,
  type ChildOptions,
  type ChildOutput,
  exitText,
  type RunningChild,
  runChild,
  runForOutput,
  startChild,
} from './child.js';
export { LastLines, LineSplitter } from './lines.js';
