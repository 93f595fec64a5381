module.exports = require('@strapi/strapi').factories.createCoreRouter('api::request.request');
