import { Loading } from '../components/loading.js';
import { Page } from '../components/page.js';

export function BatchPage() {
  return (
    <Page title="Batch">
      <Loading />
    </Page>
  );
}
