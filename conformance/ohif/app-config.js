// OHIF's configuration for the test; DICOMWEB is replaced by the gateway's URL.
window.config = {
  routerBasename: null,
  extensions: [],
  modes: [],
  customizationService: { 'ohif.tours': { $set: [] } },
  showStudyList: true,
  maxNumberOfWebWorkers: 2,
  showErrorDetails: 'always',
  defaultDataSourceName: 'halong',
  dataSources: [{
    namespace: '@ohif/extension-default.dataSourcesModule.dicomweb',
    sourceName: 'halong',
    configuration: {
      friendlyName: 'Halong', name: 'halong',
      wadoUriRoot: 'DICOMWEB', qidoRoot: 'DICOMWEB', wadoRoot: 'DICOMWEB',
      qidoSupportsIncludeField: true, imageRendering: 'wadors', thumbnailRendering: 'wadors',
      enableStudyLazyLoad: true, supportsFuzzyMatching: false, supportsWildcard: true,
      singlepart: 'bulkdata,video', bulkDataURI: { enabled: true },
      omitQuotationForMultipartRequest: true,
    },
  }],
}
