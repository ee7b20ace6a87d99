import { Loading } from '../components/loading.js';
import { Page } from '../components/page.js';

export function JobsPage() {
  return (
    <Page title="Jobs">
      <Loading />
    </Page>
  );
}
