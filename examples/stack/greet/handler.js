import { title } from './common/title.js';

export const handle = (url) => `Hello, ${title(url.searchParams.get('name') ?? 'world')}!`;
