/** Yields the lines of a stream. A line may come in any number of chunks. Throws on a line of more than `maxBytes`. */
export async function* linesOf(stream: AsyncIterable<Buffer>, maxBytes: number): AsyncGenerator<string> {
  let begun: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of stream) {
    let from = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, from)) {
      begun.push(chunk.subarray(from, end));
      const line = Buffer.concat(begun).toString('utf8');
      [begun, bytes, from] = [[], 0, end + 1];
      if (line.trim() !== '') yield line;
    }
    if (from === chunk.length) continue;
    begun.push(chunk.subarray(from));
    bytes += chunk.length - from;
    if (bytes > maxBytes) throw new Error(`a line has more than ${maxBytes} bytes`);
  }
}
