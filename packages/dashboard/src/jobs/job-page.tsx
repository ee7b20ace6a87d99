import { Loading } from '../components/loading.js';
import { Page } from '../components/page.js';

export function JobPage() {
  return (
    <Page title="Job">
      <Loading />
    </Page>
  );
}
