# The image's own files can be changed, and its directories too.
echo new > /etc/image-only; cat /etc/image-only; echo more >> /etc/image-only; cat /etc/image-only; sed -i s/new/newer/ /etc/image-only; cat /etc/image-only
chmod 600 /etc/debian_version; stat -c '%a %s' /etc/debian_version; truncate -s 2 /etc/debian_version; cat /etc/debian_version; echo
rm /etc/issue; ls /etc/issue; echo $?; mv /etc/issue.net /etc/issue; cat /etc/issue; mkdir /new && echo x > /new/y && mv /new /newer && cat /newer/y && rm -r /newer; ls -d /new*
rm -rf /usr/share/perl5/Debconf; ls /usr/share/perl5/Debconf; echo $?; ln /etc/passwd /etc/passwd2; echo '#' >> /etc/passwd2; tail -1 /etc/passwd; stat -c %h /etc/passwd /etc/shells; touch -d 2001-01-01 /etc/shells; stat -c %y /etc/shells; cp /bin/true /bin/truer; truer; echo $?; dd if=/dev/zero of=/etc/shells bs=1 count=2 conv=notrunc 2>/dev/null; head -c 4 /etc/shells | od -c
