# A session's life over an empty vCenter, told by rbvmomi: HOST PORT USER PASSWORD. Which CA is
# trusted stands in SSL_CERT_FILE. What came of it is printed as JSON.
require 'json'
require 'rbvmomi'

def connect(host, port, user, password)
  RbVmomi::VIM.connect(host: host, port: port.to_i, user: user, password: password,
                       insecure: false)
end

def fault_of
  yield
  'answered'
rescue RbVmomi::Fault => e
  e.fault.class.wsdl_name
end

def in_a_view(content, kind)
  view = content.viewManager.CreateContainerView(container: content.rootFolder, type: [kind],
                                                 recursive: true)
  found = view.view
  view.DestroyView
  found
end

def updated(collector, folder)
  names = { type: 'Folder', pathSet: %w[name childEntity] }
  spec = { propSet: [names], objectSet: [{ obj: folder }] }
  filter = collector.CreateFilter(spec: spec, partialUpdates: false)
  changes = collector.WaitForUpdatesEx(version: '').filterSet[0].objectSet[0].changeSet
  filter.DestroyPropertyFilter
  changes.map(&:name).sort
end

host, port, user, password = ARGV
told = { 'wrong password' => fault_of { connect(host, port, user, 'wrong') } }
vim = connect(host, port, user, password)
content = vim.serviceContent
root = vim.rootFolder
told['api'] = content.about.apiType
told['user'] = content.sessionManager.currentSession.userName
told['time'] = (vim.serviceInstance.CurrentTime - Time.now).abs < 60
told['root'] = root.name
told['children'] = root.childEntity
told['datacenter'] = vim.serviceInstance.find_datacenter
told['inventory'] = root.inventory_flat.length
told['machines'] = in_a_view(content, 'VirtualMachine')
told['found'] = content.searchIndex.FindByInventoryPath(inventoryPath: '/x')
told['updates'] = updated(vim.propertyCollector, root)
told['counters'] = content.perfManager.perfcounter_hash
told['tasks'] = content.taskManager.recentTask
told['new datacenter'] = fault_of { root.CreateDatacenter(name: 'x') }
content.sessionManager.Logout
told['after logout'] = content.sessionManager.currentSession
told['time after logout'] = fault_of { vim.serviceInstance.CurrentTime }
puts JSON.generate(told)
