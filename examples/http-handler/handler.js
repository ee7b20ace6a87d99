/** The function itself: from a request's query to what is answered as JSON. */
export function handle(query) {
  return { greeting: `Hello, ${query.get('name') ?? 'world'}!`, node: process.version };
}
