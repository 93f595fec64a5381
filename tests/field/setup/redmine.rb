# Fills a new Redmine with what the tests want, run by `rails runner`: the REST API is on, there is a project "support" with
# custom fields whose ids are those of the profile, and three users that are let in by keys of their own.
ActiveRecord::Base.transaction do
  {
    'rest_api_enabled' => '1', 'login_required' => '1', 'self_registration' => '0', 'default_language' => 'en',
    'force_default_language_for_loggedin' => '1', 'notified_events' => [], 'issue_done_ratio' => 'issue_field'
  }.each { |name, value| Setting[name] = value }

  bugs = Tracker.find_by!(name: 'Bug')
  fields = [
    ['External ID', 'string'], ['Place', 'string'], ['Cost', 'float'], ['Owner', 'string'], ['State', 'string'], ['Rush', 'bool']
  ].map.with_index(1) do |(name, format), id|
    field = IssueCustomField.new(name: name, field_format: format, is_for_all: true, is_filter: true, searchable: format == 'string',
                                 editable: true, visible: true, max_length: format == 'string' ? 255 : nil)
    field.trackers = Tracker.all
    field.save!
    raise "custom field #{name} got id #{field.id}, not #{id}" unless field.id == id
    field
  end

  project = Project.new(name: 'Support', identifier: 'support', is_public: false)
  project.enabled_module_names = %w[issue_tracking files]
  project.trackers = Tracker.all
  project.issue_custom_fields = fields
  project.save!
  raise "the project got id #{project.id}" unless project.id == 1

  manager = Role.find_by!(name: 'Manager')
  statuses = IssueStatus.all.to_a
  Tracker.all.each do |tracker|
    ([nil] + statuses).each do |from|
      statuses.each do |to|
        next if from == to
        WorkflowTransition.find_or_create_by!(role_id: manager.id, tracker_id: tracker.id, old_status_id: from&.id || 0, new_status_id: to.id)
      end
    end
  end

  make = lambda do |login, key, admin, role|
    user = User.new(firstname: login, lastname: 'Field', mail: "#{login}@example.org", admin: admin, language: 'en')
    user.login = login
    user.password = user.password_confirmation = 'correct horse battery'
    user.mail_notification = 'none'
    user.save!
    user.pref.update!(time_zone: 'UTC')
    user.api_key
    user.api_token.update_columns(value: key)
    Member.create!(project: project, principal: user, roles: [Role.find_by!(name: role)])
  end
  make.call('gateway', 'a' * 40, false, 'Manager')
  make.call('clerk', 'b' * 40, false, 'Manager')
  make.call('guest', 'c' * 40, false, 'Reporter')
  raise 'no bugs' unless bugs
end
