module.exports = require('@strapi/strapi').factories.createCoreController('api::request.request');
