// A session's life by a toolkit for Java, yavijava or vijava, whose classes have the same names:
// URL USER PASSWORD. Whom to trust stands in the system's own property. Prints what came of it.

import com.vmware.vim25.Event;
import com.vmware.vim25.EventFilterSpec;
import com.vmware.vim25.ManagedObjectReference;
import com.vmware.vim25.ObjectSpec;
import com.vmware.vim25.PropertyChange;
import com.vmware.vim25.PropertyFilterSpec;
import com.vmware.vim25.PropertySpec;
import com.vmware.vim25.UpdateSet;
import com.vmware.vim25.UserLoginSessionEvent;
import com.vmware.vim25.VimPortType;
import com.vmware.vim25.mo.ContainerView;
import com.vmware.vim25.mo.Folder;
import com.vmware.vim25.mo.InventoryNavigator;
import com.vmware.vim25.mo.ManagedEntity;
import com.vmware.vim25.mo.PropertyCollector;
import com.vmware.vim25.mo.PropertyFilter;
import com.vmware.vim25.mo.ServiceInstance;
import java.net.URL;
import java.util.Arrays;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;

public class ViStory {
    static final String[] MACHINES = {"VirtualMachine"};

    static void say(String what, Object value) {
        System.out.println(what + ": " + value);
    }

    static String outcome(Callable<?> call) {
        try {
            return "answered " + call.call();
        } catch (Exception refused) {
            return refused.getClass().getSimpleName();
        }
    }

    // What is empty these toolkits give as null, or as an array without members.
    static int count(Object[] found) {
        return found == null ? 0 : found.length;
    }

    public static void main(String[] said) throws Exception {
        URL address = new URL(said[0]);
        say("wrong password", outcome(() -> new ServiceInstance(address, said[1], "wrong")));
        ServiceInstance center = new ServiceInstance(address, said[1], said[2]);
        say("api", center.getAboutInfo().getApiType());
        say("user", center.getSessionManager().getCurrentSession().getUserName());
        long off = center.currentTime().getTimeInMillis() - System.currentTimeMillis();
        say("time", Math.abs(off) < 60_000);

        Folder root = center.getRootFolder();
        say("root", root.getName());
        say("children", count(root.getChildEntity()));
        InventoryNavigator inventory = new InventoryNavigator(root);
        say("machines", count(inventory.searchManagedEntities(MACHINES[0])));
        say("machine web", inventory.searchManagedEntity(MACHINES[0], "web"));
        say("inventory", count(inventory.searchManagedEntities(true)));
        say("by path", center.getSearchIndex().findByInventoryPath("x"));
        ContainerView view = center.getViewManager().createContainerView(root, MACHINES, true);
        say("view", count(view.getView()));
        view.destroyView();
        watch(center.getPropertyCollector(), root);

        say("tasks", count(center.getTaskManager().getRecentTasks()));
        say("counters", count(center.getPerformanceManager().getPerfCounter()));
        Event[] events = center.getEventManager().queryEvents(new EventFilterSpec());
        say("login told", Arrays.stream(events).anyMatch(UserLoginSessionEvent.class::isInstance));
        say("new datacenter", outcome(() -> root.createDatacenter("east")));

        // A toolkit that has logged out has forgotten the line, which is asked once more here.
        VimPortType line = center.getServerConnection().getVimService();
        ManagedObjectReference instance = center.getMOR();
        center.getServerConnection().logout();
        say("time after logout", outcome(() -> line.currentTime(instance)));
    }

    static void watch(PropertyCollector collector, Folder root) throws Exception {
        PropertySpec names = new PropertySpec();
        names.setType("Folder");
        names.setPathSet(new String[] {"name", "childEntity"});
        ObjectSpec folder = new ObjectSpec();
        folder.setObj(root.getMOR());
        PropertyFilterSpec spec = new PropertyFilterSpec();
        spec.setPropSet(new PropertySpec[] {names});
        spec.setObjectSet(new ObjectSpec[] {folder});
        PropertyFilter filter = collector.createFilter(spec, false);
        UpdateSet first = collector.waitForUpdates("");
        PropertyChange[] changes = first.getFilterSet()[0].getObjectSet()[0].getChangeSet();
        say("updates", Arrays.stream(changes).map(PropertyChange::getName).sorted()
                .collect(Collectors.joining(", ")));
        say("updates since", collector.checkForUpdates(first.getVersion()));
        filter.destroyPropertyFilter();
    }
}
