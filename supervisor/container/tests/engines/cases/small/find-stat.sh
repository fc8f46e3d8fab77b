# A large tree is walked and every file looked at.
find /usr/lib/python3.11 -type f | wc -l; find /usr -xdev -type l | sort | md5sum; find /usr /etc -xdev \( -type f -o -type l \) -printf '%p %m %s %y %l %n\n' | grep -v -e /etc/hosts -e resolv.conf | sort | md5sum
find /usr -xdev -type f -newer /etc/debian_version -name 'x*' | wc -l; find / -maxdepth 1 -printf '%y %p\n' | grep -v -e /scar -e /cases | sort; find /etc -name passwd -exec cat {} + | wc -l; find /usr/bin -type f -perm -111 -print0 | xargs -0 stat -c '%s %n' | sort | md5sum
