import { CustomVariableSupport, type DataQueryRequest, type DataQueryResponse } from '@grafana/data';
import type { Observable } from 'rxjs';
import { VariableQueryEditor } from './components/VariableQueryEditor';
import type { DataSource } from './datasource';
import type { SightlineQuery } from './types';

/** Template variables: the values of one dimension, as the `variable` query lists them. */
export class Variables extends CustomVariableSupport<DataSource, SightlineQuery> {
  override editor = VariableQueryEditor;

  constructor(private readonly datasource: DataSource) {
    super();
    this.query = this.query.bind(this); // Grafana calls it as a function of its own
  }

  override query(request: DataQueryRequest<SightlineQuery>): Observable<DataQueryResponse> {
    const targets = request.targets.map((target) => ({
      ...target,
      refId: target.refId || 'variable',
      queryType: 'variable' as const,
    }));
    return this.datasource.query({ ...request, targets });
  }
}
