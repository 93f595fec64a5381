// The users of the desk, and what they may do: all with requests, notes and files.
module.exports = {
  async bootstrap({ strapi }) {
    const role = await strapi.db.query('plugin::users-permissions.role').findOne({ where: { type: 'authenticated' } });
    const permissions = strapi.db.query('plugin::users-permissions.permission');
    const actions = ['request', 'note'].flatMap((kind) => ['find', 'findOne', 'create', 'update', 'delete'].map((verb) => `api::${kind}.${kind}.${verb}`));
    actions.push(...['upload', 'find', 'findOne', 'destroy'].map((verb) => `plugin::upload.content-api.${verb}`));
    for (const action of actions) {
      if (!(await permissions.findOne({ where: { action, role: role.id } }))) await permissions.create({ data: { action, role: role.id } });
    }
    const users = strapi.plugin('users-permissions').service('user');
    for (const [username, password] of [['gateway', 'secret'], ['clerk', 'desk desk']]) {
      if (!(await strapi.db.query('plugin::users-permissions.user').findOne({ where: { username } }))) {
        await users.add({ username, password, email: `${username}@example.org`, provider: 'local', confirmed: true, blocked: false, role: role.id });
      }
    }
  },
};
