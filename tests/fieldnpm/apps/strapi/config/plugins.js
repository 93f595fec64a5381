module.exports = { 'users-permissions': { config: { jwtSecret: 'not much of a secret', jwt: { expiresIn: '1h' } } } };
