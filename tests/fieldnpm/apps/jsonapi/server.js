// A desk that speaks JSON:API: tickets and their comments, kept in memory.
const jsonApi = require('jsonapi-server');

jsonApi.setConfig({
  protocol: 'http',
  hostname: '127.0.0.1',
  port: Number(process.env.PORT),
  base: 'rest',
  graphiql: false,
});

const keys = { gateway: 'secret', clerk: 'desk' };
jsonApi.authenticate((request, callback) => {
  const key = request.headers['x-api-key'];
  if (Object.values(keys).includes(key)) return callback();
  callback({ status: '401', code: 'UNAUTHORIZED', title: 'Authentication failed', detail: 'Send X-Api-Key' });
});

jsonApi.define({
  resource: 'tickets',
  handlers: new jsonApi.MemoryHandler(),
  attributes: {
    title: jsonApi.Joi.string().max(80).required(),
    details: jsonApi.Joi.string().allow('', null),
    state: jsonApi.Joi.string().valid('open', 'working', 'closed').default('open'),
    severity: jsonApi.Joi.number().integer().allow(null),
    due_by: jsonApi.Joi.string().allow(null),
    ext_ref: jsonApi.Joi.string().allow(null),
    comments: jsonApi.Joi.belongsToMany({ resource: 'comments', as: 'ticket' }),
  },
  examples: [],
});

jsonApi.define({
  resource: 'comments',
  handlers: new jsonApi.MemoryHandler(),
  attributes: {
    text: jsonApi.Joi.string().required(),
    ticket: jsonApi.Joi.one('tickets'),
  },
  examples: [],
});

jsonApi.start();
