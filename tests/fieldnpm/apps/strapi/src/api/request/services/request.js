module.exports = require('@strapi/strapi').factories.createCoreService('api::request.request');
